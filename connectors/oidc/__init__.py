"""The city's directory of people, which speaks OpenID Connect (Entra ID, Keycloak)."""
