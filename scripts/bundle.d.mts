import type { BuildOptions, BuildResult } from "esbuild"

/** Builds a bundle; paths are relative to the project. */
export const bundle: (options: BuildOptions) => Promise<BuildResult>
