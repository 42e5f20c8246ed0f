/** Secrets with the certificates of control traffic: of the internal authority, and of each member. */
import { labels, managedByMiniRedis, memberTlsSecretName } from '@miniredis/crds'
import type { Secret } from '../kube/resources.ts'
import { decodeSecretData, encodeSecretData } from './connection-secret.ts'
import { type PoolOwner, poolChild } from './owned-metadata.ts'

export const AUTHORITY_SECRET_NAME = 'miniredis-internal-ca'

export interface CertificatePair {
  /** PEM. */
  readonly certificate: string
  readonly privateKey: string
}

/**
 * Authorities by number, oldest first; two while one succeeds the other. Owned by nobody, since all
 * pools share it and it must outlive each of them.
 */
export function buildAuthoritySecret(namespace: string, pairs: readonly CertificatePair[]): Secret {
  const entries = pairs.flatMap(({ certificate, privateKey }, index) => [
    [`ca-${index}.crt`, certificate] as const,
    [`ca-${index}.key`, privateKey] as const,
  ])
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: AUTHORITY_SECRET_NAME,
      namespace,
      labels: { [labels.managedBy]: managedByMiniRedis },
    },
    type: 'Opaque',
    data: encodeSecretData(Object.fromEntries(entries)),
  }
}

/** The authorities in the Secret; what is damaged is left out by whoever parses the certificates. */
export function authoritiesIn(secret: Secret): readonly CertificatePair[] {
  const data = decodeSecretData(secret)
  return Object.keys(data)
    .filter((key) => /^ca-\d\.crt$/.test(key))
    .sort()
    .flatMap((key) => {
      const certificate = data[key]
      const privateKey = data[key.replace(/crt$/, 'key')]
      return certificate && privateKey ? [{ certificate, privateKey }] : []
    })
}

export interface MemberTlsSecretOptions {
  readonly pool: PoolOwner
  readonly member: string
  readonly pair: CertificatePair
  /** PEM of the authority that signed the pair. */
  readonly authorityCertificate: string
}

export function buildMemberTlsSecret(options: MemberTlsSecretOptions): Secret {
  const { pool, member, pair, authorityCertificate } = options
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: poolChild(pool, memberTlsSecretName(member), { [labels.member]: member }),
    type: 'kubernetes.io/tls',
    data: encodeSecretData({
      'tls.crt': pair.certificate,
      'tls.key': pair.privateKey,
      'ca.crt': authorityCertificate,
    }),
  }
}
