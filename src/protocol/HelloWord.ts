/**
 * The words that a client may write after `/hello`, each of which changes what its connection does (protocol, section
 * 6). `/help`, and `on=` in `* hello`, follow from these rows; `on=` keeps their order.
 */
const rows = {
  ack: { about: "counts a line to you as received once you have acknowledged it with /ack" },
  auto: { about: "marks your lines as sent by a program, for others who said auto, and theirs for you" },
  copies: { about: "shows you what your account's other devices send", isForKept: true, isForDevices: true },
  once: {
    about: "stores a line that you send again, with the same label, only once",
    isForKept: true,
    isForDevices: true
  },
  receipts: { about: "reports when a device of an account was given what you sent", isForKept: true },
  "send-only": {
    about: "before the login: you get no messages, and other users are not notified of you",
    isForLogin: true
  },
  seq: { about: "shows you the number and the time of each message that is kept", isForKept: true },
  to: { about: "shows you who else got a message" }
} as const satisfies Record<string, HelloWordRow>

interface HelloWordRow {
  /** A clause without a subject, for `/help`. */
  readonly about: string
  /** It changes the login, and has no effect after it. */
  readonly isForLogin?: true
  /** It concerns kept lines; servers without accounts do not know it. */
  readonly isForKept?: true
  /** It has no effect for a guest. */
  readonly isForDevices?: true
}

export type HelloWord = keyof typeof rows

export const all = Object.keys(rows) as ReadonlyArray<HelloWord>

/** No words. Shared, because most connections have none (benchmark: idle memory). */
export const none: ReadonlySet<HelloWord> = new Set()

/** The words about kept lines (protocol, section 10). */
export const kept: ReadonlyArray<HelloWord> = all.filter((word) => "isForKept" in rows[word])

/** The words that every server knows. */
export const basic: ReadonlyArray<HelloWord> = all.filter((word) => !kept.includes(word))

/** What a word does, as a clause without a subject. */
export const aboutOf = (word: HelloWord): string => rows[word].about

/** Whether a word has an effect for guests. */
export const isForGuests = (word: HelloWord): boolean => !("isForDevices" in rows[word])

/** Words that have no effect after the login. */
const forLogin: ReadonlySet<HelloWord> = new Set(all.filter((word) => "isForLogin" in rows[word]))

/**
 * The words that are on after another `/hello`: those that already were, and those in its argument. Unknown words are
 * ignored, and so are words for the login after it.
 */
export const add = (
  before: ReadonlySet<HelloWord>,
  argument: string,
  hasLoggedIn: boolean,
  /** The words that the server knows. */
  known: ReadonlyArray<HelloWord> = basic
): ReadonlySet<HelloWord> => {
  if (argument === "") return before
  const said = new Set(argument.split(/[ \t]+/))
  const mayAdd = (word: HelloWord) => said.has(word) && known.includes(word) && !(hasLoggedIn && forLogin.has(word))
  const on = all.filter((word) => before.has(word) || mayAdd(word))
  return on.length === before.size ? before : new Set(on)
}
