import type { TextMemory } from "../model/Ports.js"

/** The browser's storage. Where it is full or off, the page works without it. */
export const memoryOf = (find: () => Storage): TextMemory => {
  /** Only what the storage has not taken: another tab may have removed what it had. */
  const own = new Map<string, string>()
  return {
    read: (key) => {
      try {
        return own.get(key) ?? find().getItem(key) ?? undefined
      } catch {
        return own.get(key)
      }
    },
    write: (key, text) => {
      own.delete(key)
      try {
        if (text === undefined) find().removeItem(key)
        else find().setItem(key, text)
      } catch {
        if (text !== undefined) own.set(key, text)
      }
    }
  }
}
