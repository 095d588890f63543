// The environment of servers that a script starts. Imported, not run.

/** Without anything that it says to a-chat. */
export const neutral = () =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("ACHAT_")))
