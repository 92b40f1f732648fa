// openid-client: discovery, client_credentials with private_key_jwt and a resource indicator; jose verifies what comes back.
import * as client from 'openid-client'
import { createRemoteJWKSet, jwtVerify } from 'jose'

const input = JSON.parse(process.env.DRIFTWISE_INTEROP)
const { kid, alg } = input.client

const key = await crypto.subtle.importKey(
  'jwk', input.client.jwk, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign'],
)
const authenticate = client.PrivateKeyJwt({ key, kid })
const config = await client.discovery(
  new URL(input.issuer), input.client.id, { token_endpoint_auth_method: 'private_key_jwt' }, authenticate,
  // The test's issuer listens on loopback without TLS.
  { execute: [client.allowInsecureRequests] },
)
const server = config.serverMetadata()
if (!server.token_endpoint_auth_signing_alg_values_supported.includes(alg)) throw new Error(`${alg} is not announced`)

const token = await client.clientCredentialsGrant(config, { resource: input.role })
if (token.token_type !== 'bearer') throw new Error(`token_type is ${token.token_type}`)
const keys = createRemoteJWKSet(new URL(server.jwks_uri))
const { payload, protectedHeader } = await jwtVerify(token.access_token, keys, {
  issuer: server.issuer, audience: input.audience, algorithms: server.id_token_signing_alg_values_supported,
})

// A refusal arrives as the RFC 6749 error that it is.
let refusal
try {
  await client.clientCredentialsGrant(config, { resource: 'arn:aws:iam::999999999999:role/not-registered' })
} catch (error) {
  if (!(error instanceof client.ResponseBodyError)) throw error
  refusal = error.error
}
console.log(JSON.stringify({ header: protectedHeader, claims: payload, expires_in: token.expiresIn(), refusal }))
