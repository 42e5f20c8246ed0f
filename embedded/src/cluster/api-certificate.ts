/**
 * The certificate of the API on loopback: self-signed, kept in the home, trusted by the kubeconfig.
 * It is there because kubectl sends its token over TLS only.
 */
import 'reflect-metadata'
import { X509Certificate as NodeCertificate, webcrypto } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import * as x509 from '@peculiar/x509'

const DAY_MS = 86_400_000
const LIFE_MS = 3650 * DAY_MS
/** A certificate that ends sooner than this is made anew. */
const RENEW_BEFORE_MS = 30 * DAY_MS

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const

export interface ApiCertificate {
  /** PEM. */
  readonly certificate: string
  /** PEM, PKCS #8. */
  readonly privateKey: string
}

/** The one in the files, or a new one written there. */
export async function loadApiCertificate(
  paths: { readonly certificate: string; readonly privateKey: string },
  nowMs: number,
): Promise<ApiCertificate> {
  const [certificate, privateKey] = await Promise.all([
    readFile(paths.certificate, 'utf8').catch(() => ''),
    readFile(paths.privateKey, 'utf8').catch(() => ''),
  ])
  if (isUsable(certificate, nowMs) && privateKey !== '') return { certificate, privateKey }
  const made = await makeApiCertificate(nowMs)
  await writeFile(paths.certificate, made.certificate, { mode: 0o600 })
  await writeFile(paths.privateKey, made.privateKey, { mode: 0o600 })
  return made
}

function isUsable(certificate: string, nowMs: number): boolean {
  try {
    return Date.parse(new NodeCertificate(certificate).validTo) - nowMs > RENEW_BEFORE_MS
  } catch {
    return false
  }
}

export async function makeApiCertificate(nowMs: number): Promise<ApiCertificate> {
  x509.cryptoProvider.set(globalThis.crypto)
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: ['miniredis embedded API'] }],
    keys,
    signingAlgorithm: algorithm,
    notBefore: new Date(nowMs - DAY_MS),
    notAfter: new Date(nowMs + LIFE_MS),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([
        { type: 'ip', value: '127.0.0.1' },
        { type: 'dns', value: 'localhost' },
      ]),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  const key = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)
  return {
    certificate: certificate.toString('pem'),
    privateKey: x509.PemConverter.encode(key, 'PRIVATE KEY'),
  }
}
