/** Secrets with the certificates of control traffic: of the internal authority, and of each member. */
import { labels, managedByMiniRedis, memberTlsSecretName } from '@miniredis/crds'
import type { Secret } from '../kube/resources.ts'
import { encodeSecretData } from './connection-secret.ts'
import { type PoolOwner, poolChild } from './owned-metadata.ts'

export const AUTHORITY_SECRET_NAME = 'miniredis-internal-ca'

export interface CertificatePair {
  /** PEM. */
  readonly certificate: string
  readonly privateKey: string
}

/** Owned by nobody, since all pools share it and it must outlive each of them. */
export function buildAuthoritySecret(namespace: string, pair: CertificatePair): Secret {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: AUTHORITY_SECRET_NAME,
      namespace,
      labels: { [labels.managedBy]: managedByMiniRedis },
    },
    type: 'kubernetes.io/tls',
    data: encodeSecretData({ 'tls.crt': pair.certificate, 'tls.key': pair.privateKey }),
  }
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
