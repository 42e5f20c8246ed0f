/** The embedded cluster as a library: for stories, for tests of other rooms, for simulations. */
export { ApiServer, type ApiServerOptions } from './api/api-server.ts'
export {
  EmbeddedCluster,
  type EmbeddedClusterOptions,
  embeddedImage,
  sourcePrograms,
} from './cluster/embedded-cluster.ts'
export { type ImageProgram, isImageNamed } from './kubelet/program.ts'
export { ApiError, isApiError, type Status } from './store/api-error.ts'
export type {
  ApiStore,
  Call,
  FaultHook,
  StoreEnvironment,
  WatchEvent,
} from './store/api-store.ts'
export type { KubeObject, ObjectInput, ObjectKey, Resource } from './store/kube-object.ts'
export { type OpenStore, openApiStore, openStore } from './store/open-api-store.ts'
export { resources } from './store/resources.ts'
