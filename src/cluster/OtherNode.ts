/**
 * Another node, from the moment this node knows it until it is lost. A node that comes back under its name after it was
 * lost has another incarnation, and another one of these.
 */
export interface OtherNode {
  /** Its name, as in `ClusterService.node`. */
  readonly name: string
  /** Distinguishes the times that a node of this name was part of the cluster. No two are ever the same. */
  readonly incarnation: string
}
