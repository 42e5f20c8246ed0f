/**
 * The Secret with a tenant's connection details, and the passwords in it.
 * https://servicebinding.io/spec/core/1.0.0/
 */
import { createHash } from 'node:crypto'
import { connectionSecretName, type TenantNodeStatus, tenantUserName } from '@miniredis/crds'
import type { Secret } from '../kube/resources.ts'
import { type TenantOwner, tenantChild } from './owned-metadata.ts'

export const PASSWORD_RANDOM_CHARACTERS = 32

export interface ConnectionSecretOptions {
  readonly tenant: TenantOwner
  readonly password: string
  /** Absent while nobody knows it yet. */
  readonly endpoint?: Pick<NonNullable<TenantNodeStatus['endpoint']>, 'host' | 'port'> | undefined
}

export function buildConnectionSecret(options: ConnectionSecretOptions): Secret {
  const { tenant, password, endpoint } = options
  const { name, namespace = '' } = tenant.metadata
  const username = tenantUserName(name, namespace)
  const entries = {
    type: 'redis',
    provider: 'miniredis',
    username,
    password,
    tls: 'false',
    ...(endpoint !== undefined && {
      host: endpoint.host,
      port: String(endpoint.port),
      uri: `redis://${username}:${password}@${endpoint.host}:${endpoint.port}`,
    }),
  }
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: tenantChild(tenant, connectionSecretName(name)),
    type: 'servicebinding.io/redis',
    data: encodeSecretData(entries),
  }
}

/** The part of a generated password that names the tenant: 16 hexadecimal digits. */
export const tenantIdOf = (tenantUid: string): string =>
  createHash('sha256').update(tenantUid).digest('hex').slice(0, 16)

/** @param secret PASSWORD_RANDOM_CHARACTERS letters and digits */
export const buildPassword = (tenantUid: string, secret: string): string =>
  `${tenantIdOf(tenantUid)}_${secret}`

/** The password in the Secret; undefined when it is not one that can select this tenant. */
export function passwordIn(secret: Secret, tenantUid: string): string | undefined {
  const password = Buffer.from(secret.data?.password ?? '', 'base64').toString('utf8')
  const [tenantId, random] = password.split('_')
  const isOurs = tenantId === tenantIdOf(tenantUid) && randomPart.test(random ?? '')
  return isOurs && password === buildPassword(tenantUid, random ?? '') ? password : undefined
}

const randomPart = new RegExp(`^[0-9A-Za-z]{${PASSWORD_RANDOM_CHARACTERS}}$`)

export const encodeSecretData = (
  entries: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(entries).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
  )

export const decodeSecretData = ({ data = {} }: Secret): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(data).map(([key, value]) => [
      key,
      Buffer.from(value, 'base64').toString('utf8'),
    ]),
  )
