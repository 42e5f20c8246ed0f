/** The embedded cluster as a library: for stories, for tests of other rooms, for simulations. */
export {
  EmbeddedCluster,
  type EmbeddedClusterOptions,
  embeddedImage,
  sourcePrograms,
} from './cluster/embedded-cluster.ts'
export { type ImageProgram, isImageNamed } from './kubelet/program.ts'
