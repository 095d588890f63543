import * as RoomsSettings from "../../rooms/RoomsSettings.js"
import type { StoreLimits } from "../../ports/StoreUpkeep.js"
import * as Setting from "../settings/Setting.js"
import type { Values } from "../settings/Sources.js"
import type * as ClusterFlags from "./ClusterFlags.js"
import type * as StoreFlags from "./StoreFlags.js"

/** The flags about rooms. */

export const settings = {
  rooms: Setting.choice(
    "rooms",
    {
      about:
        "Who creates rooms: with open everybody, with accounts clients that have one, with operator only the " +
        "operator; off: there are none",
      default: RoomsSettings.defaults.mode
    },
    RoomsSettings.modes
  ),
  maxRooms: Setting.count("max-rooms", {
    about: "Rooms of the server",
    default: RoomsSettings.defaults.maxRooms,
    min: 1,
    max: 1_000_000,
    live: true
  }),
  maxRoomsPerClient: Setting.count("max-rooms-per-client", {
    about: "Rooms that one account, or one guest, is in",
    default: RoomsSettings.defaults.maxRoomsPerClient,
    min: 1,
    max: 100_000,
    live: true
  }),
  maxRoomMembers: Setting.count("max-room-members", {
    about: "Members of one room",
    default: RoomsSettings.defaults.maxMembers,
    min: 1,
    max: 1_000_000,
    live: true
  })
}

type Given = Values<typeof settings> &
  Pick<Values<typeof ClusterFlags.settings>, "cluster"> &
  Pick<Values<typeof StoreFlags.settings>, "store">

export const of = ({
  cluster,
  maxRoomMembers,
  maxRooms,
  maxRoomsPerClient,
  rooms,
  store
}: Given): RoomsSettings.RoomsSettings => ({
  // Several servers can share rooms only through a store.
  mode: cluster === undefined || store !== undefined ? rooms : "off",
  maxRooms,
  maxRoomsPerClient,
  maxMembers: maxRoomMembers
})

/** The most memory that rooms take without a store. Bounded, because guests can fill it for free. */
const mostWithoutStore = 64 * 1_048_576

export const limitsWithoutStore = (limits: StoreLimits): StoreLimits => ({
  ...limits,
  keepBytes: Math.min(limits.keepBytes, mostWithoutStore)
})
