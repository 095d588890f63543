import type { Memory } from "../model/Ports.js"

/** The browser's storage. Where it is full or off, the page works without it. */
export const memoryOf = (find: () => Storage): Memory => {
  const own = new Map<string, string>()
  return {
    read: (key) => {
      try {
        return find().getItem(key) ?? own.get(key)
      } catch {
        return own.get(key)
      }
    },
    write: (key, text) => {
      if (text === undefined) own.delete(key)
      else own.set(key, text)
      try {
        if (text === undefined) find().removeItem(key)
        else find().setItem(key, text)
      } catch {
        // It stays in the memory of the page.
      }
    }
  }
}
