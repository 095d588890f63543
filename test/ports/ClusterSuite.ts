import { describe } from "@effect/vitest"
import { directorySuite } from "./ClusterDirectory.js"
import type { OpenEngine } from "./ClusterFixtures.js"
import { linkSuite } from "./ClusterLinks.js"

/** What every layer of the port promises. */
export const clusterSuite = (name: string, open: OpenEngine) =>
  describe(name, () => {
    directorySuite(open)
    linkSuite(open)
  })
