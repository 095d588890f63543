/** Declarations of empty-root.mjs, for the tests. */
export const make: (root: string, programs?: ReadonlyArray<string>) => void
export const outside: NodeJS.ProcessEnv
export const isPossible: boolean
export const inside: (
  root: string,
  command: ReadonlyArray<string>,
  options?: { readonly env?: Readonly<Record<string, string>>; readonly user?: string }
) => ReadonlyArray<string>
