import * as Effect from "effect/Effect"
import { spawnSync } from "node:child_process"
import * as Disk from "../../scripts/kills/disk.mjs"
import { temporaryFolder } from "./TemporaryFolder.js"

export { cutPower, keep } from "../../scripts/kills/disk.mjs"

/** Why there is no simulated disk here; undefined if there is. */
export const missing =
  process.platform !== "linux"
    ? "LD_PRELOAD is Linux's"
    : spawnSync("cc", ["--version"]).status === 0
      ? undefined
      : "there is no C compiler"

/** The library that simulates a disk: see `disk.c`. Valid until the scope closes. */
export const library = Effect.map(temporaryFolder, Disk.compile)
