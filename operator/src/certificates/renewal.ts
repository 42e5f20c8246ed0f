/**
 * When certificates and authorities are renewed. Pure.
 *
 *   authority   ├──────────────── 365 days ─────────────────┤
 *                                  2/3 ├─ successor, trusted by all ──────────────── …
 *                                      1 day later ├─ successor issues
 *
 * Between its making and its first use a successor is only spread: every member and the operator
 * must trust it before anybody shows a certificate of it. The old one stays trusted until it ends,
 * by which time everything that it issued has ended long ago.
 */
import { X509Certificate } from 'node:crypto'
import type { CertificatePair } from './authority.ts'

/** Kubelets renew mounted Secrets within minutes; a day leaves room for a node that is away. */
export const SPREAD_MS = 86_400_000
/** The one that issues and its successor. */
export const AUTHORITIES_MAX = 2

export interface Validity {
  readonly notBeforeMs: number
  readonly notAfterMs: number
}

/** @throws Error when the text is no certificate */
export function validityOf(certificatePem: string): Validity {
  const { validFromDate, validToDate } = new X509Certificate(certificatePem)
  return { notBeforeMs: validFromDate.getTime(), notAfterMs: validToDate.getTime() }
}

/** When two thirds of its life are over. */
export const renewalDueMs = ({ notBeforeMs, notAfterMs }: Validity): number =>
  notBeforeMs + ((notAfterMs - notBeforeMs) * 2) / 3

export const isRenewalDue = (validity: Validity, nowMs: number): boolean =>
  nowMs >= renewalDueMs(validity)

/** Whether a certificate was signed by one of these authorities. */
export function isIssuedBy(
  certificatePem: string,
  authorities: readonly CertificatePair[],
): boolean {
  const certificate = new X509Certificate(certificatePem)
  return authorities.some(({ certificate: ca }) => {
    const authority = new X509Certificate(ca)
    return certificate.checkIssued(authority) && certificate.verify(authority.publicKey)
  })
}

export interface AuthorityPlan {
  /** Those to go on trusting, oldest first. */
  readonly keep: readonly CertificatePair[]
  /** Whether a successor has to be made now. */
  readonly issueSuccessor: boolean
}

export function planAuthorities(
  authorities: readonly CertificatePair[],
  nowMs: number,
): AuthorityPlan {
  const keep = oldestFirst(authorities).filter(
    ({ certificate }) => validityOf(certificate).notAfterMs > nowMs,
  )
  const newest = keep.at(-1)
  const due = newest === undefined || isRenewalDue(validityOf(newest.certificate), nowMs)
  return { keep: keep.slice(-AUTHORITIES_MAX), issueSuccessor: due }
}

/** The one to issue with: the newest that was spread long enough, otherwise the oldest. */
export function issuingAuthority(
  authorities: readonly CertificatePair[],
  nowMs: number,
): CertificatePair | undefined {
  const ordered = oldestFirst(authorities)
  const spread = ordered.filter(
    ({ certificate }) => nowMs - validityOf(certificate).notBeforeMs >= SPREAD_MS,
  )
  return spread.at(-1) ?? ordered[0]
}

/** What goes into ca.crt: every authority that is trusted. */
export const trustBundle = (authorities: readonly CertificatePair[]): string =>
  oldestFirst(authorities)
    .map(({ certificate }) => certificate)
    .join('')

const oldestFirst = (authorities: readonly CertificatePair[]): readonly CertificatePair[] =>
  [...authorities].sort(
    (a, b) => validityOf(a.certificate).notBeforeMs - validityOf(b.certificate).notBeforeMs,
  )
