/** Certificates for tests: a CA, and what it signs for a URI name. */
import 'reflect-metadata'
import { randomBytes, webcrypto } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as x509 from '@peculiar/x509'

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const DAY_MS = 86_400_000

export interface Issued {
  readonly cert: string
  readonly key: string
  readonly ca: string
}

export interface TestAuthority {
  readonly ca: string
  /** A certificate for both ends of TLS, with one URI name. */
  issue(uri: string): Promise<Issued>
}

const generateKeys = () => webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])

async function pemOf(key: webcrypto.CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')
}

/** With the newline that lets two of them stand in one file. */
const pemText = (certificate: x509.X509Certificate): string => `${certificate.toString('pem')}\n`

const validity = () => ({
  serialNumber: randomBytes(12)
    .toString('hex')
    .replace(/^[89a-f]/, '1'),
  notBefore: new Date(Date.now() - DAY_MS),
  notAfter: new Date(Date.now() + DAY_MS),
  signingAlgorithm: algorithm,
})

export async function createTestAuthority(name = 'CN=test CA'): Promise<TestAuthority> {
  const keys = await generateKeys()
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity(),
    name,
    keys,
    extensions: [new x509.BasicConstraintsExtension(true, 1, true)],
  })
  const ca = pemText(root)
  return {
    ca,
    issue: async (uri) => {
      const own = await generateKeys()
      const certificate = await x509.X509CertificateGenerator.create({
        ...validity(),
        subject: 'CN=test',
        issuer: root.subject,
        publicKey: own.publicKey,
        signingKey: keys.privateKey,
        extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'url', value: uri }])],
      })
      return { cert: pemText(certificate), key: await pemOf(own.privateKey), ca }
    },
  }
}

/** Writes the files that a runtime pod's Secret has. */
export function writeTlsDirectory(directory: string, { cert, key, ca }: Issued): void {
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, 'tls.crt'), cert)
  writeFileSync(join(directory, 'tls.key'), key)
  writeFileSync(join(directory, 'ca.crt'), ca)
}
