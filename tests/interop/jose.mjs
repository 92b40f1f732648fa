// jose alone: discovery by fetch, an assertion of its own making, and the token verified with what discovery names.
import { SignJWT, createRemoteJWKSet, errors, importJWK, jwtVerify } from 'jose'

const input = JSON.parse(process.env.DRIFTWISE_INTEROP)
const server = await (await fetch(`${input.issuer}/.well-known/openid-configuration`)).json()
if (server.issuer !== input.issuer) throw new Error(`discovery names another issuer: ${server.issuer}`)

const { id, kid, alg, jwk } = input.client
const key = await importJWK(jwk, alg)
async function ask(resource) {
  const assertion = await new SignJWT().setProtectedHeader({ alg, kid, typ: 'JWT' })
    .setIssuer(id).setSubject(id).setAudience(server.token_endpoint)
    .setIssuedAt().setExpirationTime('60s').setJti(crypto.randomUUID()).sign(key)
  const response = await fetch(server.token_endpoint, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: assertion,
      resource,
    }),
  })
  return response.json()
}

const { access_token: token, expires_in } = await ask(input.role)
const keys = createRemoteJWKSet(new URL(server.jwks_uri))
const expected = { issuer: server.issuer, audience: input.audience, algorithms: server.id_token_signing_alg_values_supported }
const { payload, protectedHeader } = await jwtVerify(token, keys, expected)

// What the verification is worth: other claims under the signature, and another audience, do not pass.
const [header, , signature] = token.split('.')
const claims = Buffer.from(JSON.stringify({ ...payload, sub: 'org-of-somebody-else' })).toString('base64url')
for (const [text, rules, fault] of [
  [`${header}.${claims}.${signature}`, expected, errors.JWSSignatureVerificationFailed],
  [token, { ...expected, audience: 'somebody-else' }, errors.JWTClaimValidationFailed],
]) {
  const taken = await jwtVerify(text, keys, rules).then(() => true, (error) => {
    if (!(error instanceof fault)) throw error
    return false
  })
  if (taken) throw new Error('a forged token verifies')
}
const refusal = (await ask('arn:aws:iam::999999999999:role/not-registered')).error
console.log(JSON.stringify({ header: protectedHeader, claims: payload, expires_in, refusal }))
