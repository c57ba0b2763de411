"""Citizens to city: what citizens write comes in, is triaged by people, and is answered."""
