import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer, type TLSSocket } from 'node:tls'
import {
  AUTHORITY_LIFE_MS,
  CERTIFICATE_LIFE_MS,
  type CertificatePair,
  issueCa,
  issueMemberCertificate,
  issueOperatorCertificate,
} from './authority.ts'
import {
  isIssuedBy,
  isRenewalDue,
  issuingAuthority,
  planAuthorities,
  SPREAD_MS,
  trustBundle,
  validityOf,
} from './renewal.ts'

const nowMs = Math.floor(Date.now() / 1000) * 1000
const member = { namespace: 'miniredis', pool: 'default', member: 'default-0-1' }

/** Shows both sides their certificates over TLS 1.3; resolves to what each saw of the other. */
async function shakeHands(server: CertificatePair, client: CertificatePair, trusted: string) {
  const listener = createServer({
    key: server.privateKey,
    cert: server.certificate,
    ca: trusted,
    requestCert: true,
    minVersion: 'TLSv1.3',
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as AddressInfo
  const accepted = once(listener, 'secureConnection') as Promise<[TLSSocket]>
  const socket = connect({
    port,
    host: '127.0.0.1',
    key: client.privateKey,
    cert: client.certificate,
    ca: trusted,
    checkServerIdentity: () => undefined,
  })
  try {
    await once(socket, 'secureConnect')
    const [other] = await accepted
    const seen = [socket, other].map((side) => side.getPeerCertificate().subjectaltname)
    other.destroy()
    return seen
  } finally {
    socket.destroy()
    listener.close()
  }
}

describe('certificates', () => {
  it('let member and operator know each other over mTLS', async () => {
    const ca = await issueCa('miniredis', nowMs)
    const server = await issueMemberCertificate(ca, { ...member, addresses: ['10.0.0.7'] }, nowMs)
    const client = await issueOperatorCertificate(ca, 'miniredis', nowMs)
    assert.deepEqual(await shakeHands(server, client, ca.certificate), [
      'URI:miniredis://miniredis/default/default-0-1, IP Address:10.0.0.7',
      'URI:miniredis://miniredis/operator',
    ])
  })

  it('are trusted by a bundle of two authorities whichever of them issued', async () => {
    const [old, fresh] = [
      await issueCa('miniredis', nowMs),
      await issueCa('miniredis', nowMs + 1000),
    ]
    const server = await issueMemberCertificate(old, member, nowMs)
    const client = await issueOperatorCertificate(fresh, 'miniredis', nowMs)
    const seen = await shakeHands(server, client, trustBundle([fresh, old]))
    assert.equal(seen.length, 2)
    await assert.rejects(shakeHands(server, client, fresh.certificate))
  })

  it('carry what X.509 clients look at', async () => {
    const ca = await issueCa('miniredis', nowMs)
    const authority = new X509Certificate(ca.certificate)
    assert.equal(authority.ca, true)
    assert.equal(authority.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1')
    const pair = await issueMemberCertificate(ca, member, nowMs)
    const leaf = new X509Certificate(pair.certificate)
    assert.equal(leaf.ca, false)
    assert.equal(leaf.verify(authority.publicKey), true)
    assert.equal(leaf.checkIssued(authority), true)
    assert.notEqual(leaf.serialNumber, authority.serialNumber)
    assert.equal(validityOf(pair.certificate).notAfterMs, nowMs + CERTIFICATE_LIFE_MS)
    assert.match(pair.privateKey, /^-----BEGIN PRIVATE KEY-----\n/)
  })

  it('stay within the 64 characters of a common name', async () => {
    const ca = await issueCa('n'.repeat(63), nowMs)
    const longest = { namespace: 'n'.repeat(63), pool: 'p'.repeat(40), member: 'm'.repeat(63) }
    const pair = await issueMemberCertificate(ca, longest, nowMs)
    assert.match(String(new X509Certificate(pair.certificate).subjectAltName), /m{63}$/)
  })

  it('are renewed at two thirds of their life', () => {
    const validity = { notBeforeMs: 0, notAfterMs: 300 }
    assert.equal(isRenewalDue(validity, 199), false)
    assert.equal(isRenewalDue(validity, 200), true)
  })

  it('tell who issued them', async () => {
    const [ours, other] = [await issueCa('miniredis', nowMs), await issueCa('miniredis', nowMs)]
    const { certificate } = await issueMemberCertificate(ours, member, nowMs)
    assert.equal(isIssuedBy(certificate, [other]), false)
    assert.equal(isIssuedBy(certificate, [other, ours]), true)
  })
})

describe('rotation of the authority', () => {
  const day = 86_400_000

  it('begins with one and makes the successor at two thirds of its life', async () => {
    assert.deepEqual(planAuthorities([], nowMs), { keep: [], issueSuccessor: true })
    const ca = await issueCa('miniredis', nowMs)
    assert.equal(issuingAuthority([ca], nowMs), ca, 'the only one issues at once')
    assert.equal(planAuthorities([ca], nowMs + 243 * day).issueSuccessor, false)
    assert.equal(planAuthorities([ca], nowMs + 244 * day).issueSuccessor, true)
  })

  it('issues with the successor only once it was spread, and trusts the old one to its end', async () => {
    const madeMs = nowMs + 244 * day
    const [old, fresh] = [await issueCa('miniredis', nowMs), await issueCa('miniredis', madeMs)]
    const both = [fresh, old]
    assert.equal(issuingAuthority(both, madeMs), old)
    assert.equal(issuingAuthority(both, madeMs + SPREAD_MS), fresh)
    assert.deepEqual(planAuthorities(both, madeMs), { keep: [old, fresh], issueSuccessor: false })
    const endMs = nowMs + AUTHORITY_LIFE_MS
    assert.deepEqual(planAuthorities(both, endMs - 1).keep, [old, fresh])
    assert.deepEqual(planAuthorities(both, endMs).keep, [fresh])
  })
})
