import { statSync } from "node:fs"

/** Whether a file's mode grants access to users other than its owner. */
export const isOpenToOthers = (file: string): boolean =>
  ((statSync(file, { throwIfNoEntry: false })?.mode ?? 0) & 0o077) !== 0
