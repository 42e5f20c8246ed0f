/** One CustomResourceDefinition from one row of the table of custom resources. */
import { apiGroup, type CustomResource } from '../src/index.ts'
import { buildStructuralSchema } from './structural-schema.ts'

/** apiextensions.k8s.io/v1 CustomResourceDefinition as a plain object. */
export function buildCrd(resource: CustomResource) {
  const { kind, plural, singular, shortNames } = resource
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${apiGroup}` },
    spec: {
      group: apiGroup,
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular,
        shortNames,
        categories: ['miniredis'],
      },
      scope: 'Namespaced',
      versions: [buildVersion(resource)],
    },
  }
}

function buildVersion(resource: CustomResource) {
  const { hasStatus, scale, columns, schema } = resource
  const subresources = { ...(hasStatus && { status: {} }), ...(scale && { scale }) }
  return {
    name: 'v1alpha1',
    served: true,
    storage: true,
    ...((hasStatus || scale) && { subresources }),
    additionalPrinterColumns: columns,
    schema: { openAPIV3Schema: buildStructuralSchema(schema) },
  }
}
