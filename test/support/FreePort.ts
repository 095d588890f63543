const script = new URL("../../scripts/port.mjs", import.meta.url)

/** Where `freePort` is, for programs of their own. */
export const { href } = script

/** A port that no process listens on, and that no other test or script gets meanwhile. */
export const { freePort } = (await import(href)) as { readonly freePort: () => Promise<number> }
