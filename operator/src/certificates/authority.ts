/**
 * The internal certificate authority and what it issues: certificates of control traffic (mTLS).
 *
 * Keys are ECDSA P-256 in PKCS #8. Who a certificate is for stands in its only URI subject
 * alternative name; common names are for people. Everything takes `nowMs` and returns PEM.
 */
import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import { memberIdentity, operatorIdentity } from '@miniredis/crds'
import * as x509 from '@peculiar/x509'

export interface CertificatePair {
  /** PEM. */
  readonly certificate: string
  /** PEM, PKCS #8. */
  readonly privateKey: string
}

const DAY_MS = 86_400_000
export const CERTIFICATE_LIFE_MS = 30 * DAY_MS
export const AUTHORITY_LIFE_MS = 365 * DAY_MS
/** Certificates are valid a little earlier than now, for members whose clocks are behind. */
export const CLOCK_SKEW_MS = 5 * 60_000

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const { subtle } = webcrypto
const { serverAuth, clientAuth } = x509.ExtendedKeyUsage

x509.cryptoProvider.set(globalThis.crypto)

/** A new authority. `namespace` only names it for people. */
export async function issueCa(namespace: string, nowMs: number): Promise<CertificatePair> {
  const keys = await createKeys()
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: commonName(`MiniRedis internal CA of ${namespace}`),
    keys,
    signingAlgorithm: algorithm,
    ...lifetime(nowMs, AUTHORITY_LIFE_MS),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return toPair(certificate, keys.privateKey)
}

export interface MemberCertificateOptions {
  readonly namespace: string
  readonly pool: string
  readonly member: string
  /** IP addresses that the certificate names as well; nobody of ours looks at them. */
  readonly addresses?: readonly string[]
}

/** The certificate of a runtime pod, as server of its control port. */
export function issueMemberCertificate(
  ca: CertificatePair,
  { namespace, pool, member, addresses = [] }: MemberCertificateOptions,
  nowMs: number,
): Promise<CertificatePair> {
  const names = [
    uri(memberIdentity(namespace, pool, member)),
    ...addresses.map((value) => ({ type: 'ip', value }) as const),
  ]
  return issue(ca, { name: member, names, usages: [serverAuth, clientAuth], nowMs })
}

/** The certificate with which the operator dials members. */
export function issueOperatorCertificate(
  ca: CertificatePair,
  namespace: string,
  nowMs: number,
): Promise<CertificatePair> {
  const names = [uri(operatorIdentity(namespace))]
  return issue(ca, { name: 'miniredis-operator', names, usages: [clientAuth], nowMs })
}

interface IssueOptions {
  readonly name: string
  readonly names: readonly x509.JsonGeneralName[]
  readonly usages: readonly x509.ExtendedKeyUsageType[]
  readonly nowMs: number
}

async function issue(
  ca: CertificatePair,
  { name, names, usages, nowMs }: IssueOptions,
): Promise<CertificatePair> {
  const keys = await createKeys()
  const issuer = new x509.X509Certificate(ca.certificate)
  const certificate = await x509.X509CertificateGenerator.create({
    subject: commonName(name),
    issuer: issuer.subject,
    publicKey: keys.publicKey,
    signingKey: await importKey(ca.privateKey),
    signingAlgorithm: algorithm,
    ...lifetime(nowMs, CERTIFICATE_LIFE_MS),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([...usages]),
      new x509.SubjectAlternativeNameExtension([...names]),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return toPair(certificate, keys.privateKey)
}

const uri = (value: string): x509.JsonGeneralName => ({ type: 'url', value })

/** As structured JSON, so that no character of a name is taken for syntax; 64 is X.520's limit. */
const commonName = (name: string): x509.JsonName => [{ CN: [name.slice(0, 64)] }]

const lifetime = (nowMs: number, lifeMs: number) => ({
  notBefore: new Date(nowMs - CLOCK_SKEW_MS),
  notAfter: new Date(nowMs + lifeMs),
})

const createKeys = () => subtle.generateKey(algorithm, true, ['sign', 'verify'])

const importKey = (pem: string) =>
  subtle.importKey('pkcs8', x509.PemConverter.decodeFirst(pem), algorithm, false, ['sign'])

async function toPair(
  certificate: x509.X509Certificate,
  privateKey: webcrypto.CryptoKey,
): Promise<CertificatePair> {
  const key = await subtle.exportKey('pkcs8', privateKey)
  return {
    certificate: `${certificate.toString('pem')}\n`,
    privateKey: `${x509.PemConverter.encode(key, x509.PemConverter.PrivateKeyTag)}\n`,
  }
}
