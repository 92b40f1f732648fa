"""PyJWT: discovery by urllib, an assertion of its own making, and the token verified through PyJWKClient."""

import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

import jwt

given = json.loads(os.environ["DRIFTWISE_INTEROP"])
client = given["client"]
with urllib.request.urlopen(given["issuer"] + "/.well-known/openid-configuration") as answer:
    server = json.load(answer)
assert server["issuer"] == given["issuer"], server["issuer"]

key = jwt.PyJWK(client["jwk"], algorithm=client["alg"]).key


def ask(resource):
    now = int(time.time())
    claims = {
        "iss": client["id"], "sub": client["id"], "aud": server["token_endpoint"],
        "iat": now, "exp": now + 60, "jti": str(uuid.uuid4()),
    }
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": jwt.encode(claims, key, algorithm=client["alg"], headers={"kid": client["kid"]}),
        "resource": resource,
    }
    try:
        with urllib.request.urlopen(server["token_endpoint"], urllib.parse.urlencode(form).encode()) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        return json.load(error)


response = ask(given["role"])
token = response["access_token"]
published = jwt.PyJWKClient(server["jwks_uri"]).get_signing_key_from_jwt(token)
rules = {"algorithms": server["id_token_signing_alg_values_supported"], "issuer": server["issuer"]}
required = {"require": ["iss", "sub", "aud", "iat", "nbf", "exp", "jti"]}
claims = jwt.decode(token, published, audience=given["audience"], options=required, **rules)

# What the verification is worth: another audience does not pass, nor does a changed signature.
header, payload, signature = token.split(".")
changed = ("B" if signature[0] == "A" else "A") + signature[1:]
for text, audience, fault in [
    (token, "somebody-else", jwt.InvalidAudienceError),
    (f"{header}.{payload}.{changed}", given["audience"], jwt.InvalidSignatureError),
]:
    try:
        jwt.decode(text, published, audience=audience, **rules)
    except fault:
        continue
    raise AssertionError("a forged token verifies")

refusal = ask("arn:aws:iam::999999999999:role/not-registered")["error"]
print(json.dumps({
    "header": jwt.get_unverified_header(token), "claims": claims, "expires_in": response["expires_in"], "refusal": refusal,
}))
