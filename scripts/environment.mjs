// The environment of servers that a script starts. Imported, not run.

/** This process's environment, without the variables that configure a-chat. */
export const neutral = () =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("ACHAT_")))
