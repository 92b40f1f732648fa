"""Authlib: metadata by RFC 8414, client_credentials with private_key_jwt and a resource indicator, the token verified by joserfc."""

import json
import os
import time

# The test's issuer listens on loopback without TLS.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata, get_well_known_url
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

given = json.loads(os.environ["DRIFTWISE_INTEROP"])
client = given["client"]
well_known = get_well_known_url(given["issuer"], external=True, suffix="openid-configuration")
server = AuthorizationServerMetadata(requests.get(well_known, timeout=10).json())
server.validate()

# Authlib's assertions live for an hour unless told otherwise, and a dict of claims keeps its first jti: both are refused, so
# each request gets claims of its own.


def ask(resource):
    session = OAuth2Session(client["id"], ECKey.import_key(client["jwk"]), token_endpoint_auth_method="private_key_jwt")
    claims = {"exp": int(time.time()) + 60}
    session.register_client_auth_method(
        PrivateKeyJWT(server["token_endpoint"], claims=claims, headers={"kid": client["kid"]}, alg=client["alg"])
    )
    return session.fetch_token(server["token_endpoint"], grant_type="client_credentials", resource=resource)


response = ask(given["role"])
keys = KeySet.import_key_set(requests.get(server["jwks_uri"], timeout=10).json())
algorithms = server["id_token_signing_alg_values_supported"]
token = jwt.decode(response["access_token"], keys, algorithms=algorithms)
jwt.JWTClaimsRegistry(
    iss={"essential": True, "value": server["issuer"]},
    aud={"essential": True, "value": given["audience"]},
    exp={"essential": True},
).validate(token.claims)

try:
    refusal = ask("arn:aws:iam::999999999999:role/not-registered")
    raise AssertionError("a role that nobody registered got a token")
except OAuthError as error:
    refusal = error.error
print(json.dumps(
    {"header": token.header, "claims": token.claims, "expires_in": response["expires_in"], "refusal": refusal}
))
