/** What people are told of a tenant's state: an event when it changes. Pure. */
import type { TenantNode } from '../../kube/resources.ts'

export interface TenantNews {
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
  readonly message: string
}

type Status = TenantNode['status']

/** News of service first, then of the data, each told once even if both have the same cause. */
export function newsOf(before: Status, now: Status): readonly TenantNews[] {
  const news = [...serviceNews(before, now), ...storageNews(before, now)]
  return news.filter(({ reason }, index) => news.findIndex((n) => n.reason === reason) === index)
}

/** When the tenant begins or ceases to be served. */
function serviceNews(before: Status, now: Status): readonly TenantNews[] {
  const ready = conditionIn(now, 'Ready')
  const isServed = ready?.status === 'True'
  const wasServed = conditionIn(before, 'Ready')?.status === 'True'
  return ready === undefined || isServed === wasServed ? [] : [told(ready, isServed)]
}

/** When its data get into trouble or another one, and when they are out of it. */
function storageNews(before: Status, now: Status): readonly TenantNews[] {
  const storage = conditionIn(now, 'StorageHealthy')
  const last = conditionIn(before, 'StorageHealthy')
  if (storage === undefined || storage.reason === last?.reason) return []
  const isHealthy = storage.status === 'True'
  // Every start of a pod loads: that is told by the condition, and by Ready.
  const wasInTrouble = last?.status === 'False' && last.reason !== 'Loading'
  const isNews = isHealthy ? wasInTrouble : storage.reason !== 'Loading'
  return isNews ? [told(storage, isHealthy)] : []
}

const conditionIn = (status: Status, wanted: string) =>
  status?.conditions?.find(({ type }) => type === wanted)

const told = (
  { reason, message }: { readonly reason: string; readonly message: string },
  isGood: boolean,
): TenantNews => ({ type: isGood ? 'Normal' : 'Warning', reason, message })
