/**
 * Keeps the internal certificate authority: its Secret, its successor in time, the operator's own
 * certificate, and what it issues to members.
 *
 * The Secret is created once and never overwritten by a new authority while this process remembers
 * the old one: losing the authority would cut every link until all members have new certificates.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { memberIdentity, uriNames } from '@miniredis/crds'
import {
  AUTHORITY_SECRET_NAME,
  authoritiesIn,
  buildAuthoritySecret,
} from '../builders/tls-secrets.ts'
import {
  type CertificatePair,
  issueCa,
  issueMemberCertificate,
  issueOperatorCertificate,
} from '../certificates/authority.ts'
import {
  isIssuedBy,
  isRenewalDue,
  issuingAuthority,
  planAuthorities,
  trustBundle,
  validityOf,
} from '../certificates/renewal.ts'
import type { Clock } from '../control/clock.ts'
import { OperatingError } from '../control/outcome.ts'
import { isKubeError } from '../kube/errors.ts'
import type { Stored } from '../kube/object.ts'
import type { KubePort } from '../kube/port.ts'
import { type Secret, secrets } from '../kube/resources.ts'
import type { Caches } from '../parts.ts'
import type { OperatorCredentials } from '../runtime-client/tls-dialler.ts'
import type { AuthorityPort, IssuedCertificate, MemberIdentity } from './runtime-pool/ports.ts'

export interface InternalAuthorityOptions {
  readonly kube: Pick<KubePort, 'get' | 'create' | 'replace'>
  readonly caches: Caches
  readonly clock: Clock
  readonly namespace: string
}

export class InternalAuthority implements AuthorityPort {
  readonly #options: InternalAuthorityOptions
  #pairs: readonly CertificatePair[] = []
  /** The version of the Secret that #pairs were read from or written to. */
  #version: string | undefined
  #operator: CertificatePair | undefined
  #ensuring: Promise<void> | undefined

  constructor(options: InternalAuthorityOptions) {
    this.#options = options
  }

  /** Callers at the same time share one run. */
  ensure(): Promise<void> {
    this.#ensuring ??= this.#ensure().finally(() => {
      this.#ensuring = undefined
    })
    return this.#ensuring
  }

  isDue(data: Readonly<Record<string, string>>, { pool, member }: MemberIdentity): boolean {
    const { 'tls.crt': certificate = '', 'tls.key': key = '', 'ca.crt': trusted } = data
    const identity = memberIdentity(this.#options.namespace, pool, member)
    if (trusted !== trustBundle(this.#pairs)) return true
    try {
      const parsed = new X509Certificate(certificate)
      return (
        !uriNames(parsed.subjectAltName).includes(identity) ||
        !parsed.checkPrivateKey(createPrivateKey(key)) ||
        !this.#isGood(certificate)
      )
    } catch {
      return true
    }
  }

  async issue({ pool, member }: MemberIdentity): Promise<IssuedCertificate> {
    const { clock, namespace } = this.#options
    const options = { namespace, pool, member }
    const pair = await issueMemberCertificate(this.#issuer(), options, clock.now())
    return { pair, authorityCertificate: trustBundle(this.#pairs) }
  }

  /** @throws OperatingError before the first ensure() */
  credentials(): OperatorCredentials {
    if (this.#operator === undefined) throw notEnsured()
    const { certificate, privateKey } = this.#operator
    return { cert: certificate, key: privateKey, ca: trustBundle(this.#pairs) }
  }

  async #ensure(): Promise<void> {
    const { caches, clock, namespace } = this.#options
    const name = { namespace, name: AUTHORITY_SECRET_NAME }
    const cached = caches.of(secrets).get(name)
    if (cached === undefined || cached.metadata.resourceVersion !== this.#version)
      await this.#load(await this.#options.kube.get(secrets, name))
    if (planAuthorities(this.#pairs, clock.now()).issueSuccessor) await this.#succeed()
    if (this.#operator === undefined || !this.#isGood(this.#operator.certificate))
      this.#operator = await issueOperatorCertificate(this.#issuer(), namespace, clock.now())
  }

  async #load(stored: Stored<Secret> | undefined): Promise<void> {
    const found = stored === undefined ? [] : authoritiesIn(stored).filter(isReadable)
    if (found.length > 0) this.#pairs = found
    else if (this.#pairs.length > 0) return this.#write(this.#pairs, stored)
    this.#version = stored?.metadata.resourceVersion
  }

  /** The first authority, or the one that will take over when everybody trusts it. */
  async #succeed(): Promise<void> {
    const { kube, clock, namespace } = this.#options
    const { keep } = planAuthorities(this.#pairs, clock.now())
    const successor = await issueCa(namespace, clock.now())
    const stored = await kube.get(secrets, { namespace, name: AUTHORITY_SECRET_NAME })
    await this.#write([...keep, successor], stored)
  }

  async #write(pairs: readonly CertificatePair[], stored: Stored<Secret> | undefined) {
    const { kube, namespace } = this.#options
    const wanted = buildAuthoritySecret(namespace, pairs)
    try {
      const written =
        stored === undefined
          ? await kube.create(secrets, wanted)
          : await kube.replace(secrets, { ...stored, ...wanted, metadata: stored.metadata })
      this.#pairs = pairs
      this.#version = written.metadata.resourceVersion
    } catch (error) {
      // Another leader was quicker: its authority counts, and is read at the next attempt.
      if (isKubeError(error, 'AlreadyExists', 'Conflict')) this.#version = undefined
      throw error
    }
  }

  #isGood(certificate: string): boolean {
    const isFresh = !isRenewalDue(validityOf(certificate), this.#options.clock.now())
    return isFresh && isIssuedBy(certificate, this.#pairs)
  }

  #issuer(): CertificatePair {
    const issuer = issuingAuthority(this.#pairs, this.#options.clock.now())
    if (issuer === undefined) throw notEnsured()
    return issuer
  }
}

const notEnsured = (): OperatingError =>
  new OperatingError('AuthorityMissing', 'the internal certificate authority is not there yet')

function isReadable({ certificate, privateKey }: CertificatePair): boolean {
  try {
    return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(privateKey))
  } catch {
    return false
  }
}
