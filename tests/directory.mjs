// A real OpenID provider on loopback, for the tests: whoever says a name is that person. Prints its address.
import { generateKeyPairSync, webcrypto } from "node:crypto";
import { createServer } from "node:http";

globalThis.crypto ??= webcrypto; // What is global from Node 20 on.
const oidc = await import("oidc-provider");

const { client, people } = JSON.parse(process.argv[2]);
let answer;
const server = createServer((request, response) => answer(request, response));
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
const issuer = `http://127.0.0.1:${server.address().port}`;
const key = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ format: "jwk" });

const provider = new oidc.Provider(issuer, {
  clients: [client],
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name", "groups"] },
  cookies: { keys: ["only for the tests"] },
  jwks: { keys: [{ ...key, use: "sig", alg: "RS256" }] },
  pkce: { required: () => true },
  features: { devInteractions: { enabled: false }, rpInitiatedLogout: { enabled: true } },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_, sub) => (people[sub] ? { accountId: sub, claims: () => ({ sub, ...people[sub] }) } : undefined),
  async loadExistingGrant(context) {
    const { client: { clientId }, session: { accountId } } = context.oidc;
    const grant = new provider.Grant({ clientId, accountId });
    grant.addOIDCScope("openid email profile");
    await grant.save();
    return grant;
  },
});
const rest = provider.callback();
const FORM = `<!doctype html><html lang="en"><title>Directory</title><form method="post">
  <label>Login <input name="login"></label><button>Enter</button></form></html>`;

answer = async (request, response) => {
  if (!request.url.startsWith("/interaction/")) { rest(request, response); return; }
  if (request.method !== "POST") { response.setHeader("content-type", "text/html").end(FORM); return; }
  let body = "";
  for await (const part of request) body += part;
  const login = { accountId: new URLSearchParams(body).get("login") };
  await provider.interactionFinished(request, response, { login }, { mergeWithLastSubmission: false });
};
console.log(issuer);
