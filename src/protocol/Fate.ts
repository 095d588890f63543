/**
 * The possible fates of an accepted pair of a line and a recipient (protocol, section 4): a closed list. The ledger,
 * its metrics, the outcomes that senders of labelled lines get, and the model in the simulation are derived from it.
 */
export const fates = {
  written: { about: "the kernel took all bytes of the line for the recipient's socket", isDelivered: true },
  received: { about: "the recipient acknowledged the line", isDelivered: true },
  stored: { about: "the line is kept on disk, or in memory, for the recipient's devices", isDelivered: true },
  returned: { about: "the sender got an undelivered line", isDelivered: false },
  dead: { about: "the line could not be returned, because its sender had left", isDelivered: false }
} as const satisfies Record<string, Facts>

interface Facts {
  /** A clause, for documentation and the help texts of metrics. */
  readonly about: string
  /**
   * Whether the recipient has the line or will get it: the sender of a labelled line then gets `* FATE @LABEL NAME`.
   */
  readonly isDelivered: boolean
}

export type Fate = keyof typeof fates

/** The fates that are good news for the sender; each is the code of an outcome line. */
export type Delivered = { [F in Fate]: (typeof fates)[F]["isDelivered"] extends true ? F : never }[Fate]

export const all = Object.keys(fates) as ReadonlyArray<Fate>

export const delivered = all.filter((fate): fate is Delivered => fates[fate].isDelivered)
