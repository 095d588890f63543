/** Who may create rooms. */
export const modes = [
  /** There are no rooms. */
  "off",
  /** Everybody. */
  "open",
  /** Clients with an account. */
  "accounts",
  /** The operator. */
  "operator"
] as const

export type RoomsMode = (typeof modes)[number]

export interface RoomsSettings {
  readonly mode: RoomsMode
  readonly maxRooms: number
  /** Rooms that one account, or one guest, may be in. */
  readonly maxRoomsPerClient: number
  readonly maxMembers: number
}

export const defaults: RoomsSettings = { mode: "open", maxRooms: 10_000, maxRoomsPerClient: 100, maxMembers: 10_000 }

/** The longest topic, in code points. */
export const maxTopicLength = 300
