/** The clients of a run with a store, by slot. */
export interface StoreClient {
  readonly name: string
  /** The device of its account; undefined for a guest. */
  readonly device?: string
  /** It is a guest until it has registered. */
  readonly registers?: true
}

export const clients: ReadonlyArray<StoreClient> = [
  { name: "alice", device: "main" },
  { name: "alice", device: "phone" },
  { name: "bob", device: "main" },
  { name: "bob", device: "phone" },
  { name: "bob", device: "tablet" },
  { name: "cy" },
  { name: "dee" },
  { name: "eve", device: "main", registers: true },
  // Writes only to itself: the store concerns it in no way.
  { name: "fay" }
]

export const bystander = clients.findIndex(({ name }) => name === "fay")

/** The accounts that exist from the start. */
export const accounts = ["alice", "bob"]

/** The rooms that clients enter and leave. */
export const rooms = ["#ops", "#dev"]

/** Of every account. */
export const password = "correct horse"

/** The line with which a client logs in. */
export const loginOf = ({ device, name }: StoreClient, isAccount: boolean): string =>
  device === undefined || !isAccount ? name : `${name}/${device}: ${password}`
