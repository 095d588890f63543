import { statSync } from "node:fs"

/** Whether its mode lets users other than its owner use a file. */
export const isOpenToOthers = (file: string): boolean =>
  ((statSync(file, { throwIfNoEntry: false })?.mode ?? 0) & 0o077) !== 0
