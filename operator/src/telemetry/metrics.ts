/** Instruments for the catalogue. The only file that knows prom-client, whose code moves on. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { type MetricSpec, metricCatalogue } from './metric-catalogue.ts'

const DURATION_BUCKETS_S = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

type Catalogue = typeof metricCatalogue
type Instrument<S extends MetricSpec> = S['kind'] extends 'counter'
  ? Counter<S['labels'][number]>
  : S['kind'] extends 'gauge'
    ? Gauge<S['labels'][number]>
    : Histogram<S['labels'][number]>

export type Metrics = { readonly [K in keyof Catalogue]: Instrument<Catalogue[K]> }

export interface MetricsPage {
  readonly metrics: Metrics
  readonly contentType: string
  /** The exposition text. */
  render(): Promise<string>
}

/** `processMetrics` adds those of Node itself; they observe the whole process, so tests go without. */
export function createMetrics({
  processMetrics,
}: {
  readonly processMetrics: boolean
}): MetricsPage {
  const registry = new Registry()
  if (processMetrics) collectDefaultMetrics({ register: registry })
  const instruments = Object.entries(metricCatalogue).map(
    ([key, spec]) => [key, createInstrument(spec, registry)] as const,
  )
  return {
    metrics: Object.fromEntries(instruments) as unknown as Metrics,
    contentType: registry.contentType,
    render: () => registry.metrics(),
  }
}

function createInstrument({ kind, name, help, labels }: MetricSpec, registry: Registry) {
  const common = { name, help, labelNames: [...labels], registers: [registry] }
  switch (kind) {
    case 'counter':
      return new Counter(common)
    case 'gauge':
      return new Gauge(common)
    case 'histogram':
      return new Histogram({ ...common, buckets: DURATION_BUCKETS_S })
  }
}
