import { describe } from "@effect/vitest"
import { accountSuite } from "./StoreAccounts.js"
import { cursorSuite } from "./StoreCursors.js"
import type { OpenStore } from "./StoreFixtures.js"
import { guestSuite } from "./StoreGuests.js"
import { lineSuite } from "./StoreLines.js"
import { readingSuite } from "./StoreReading.js"
import { retentionSuite } from "./StoreRetention.js"
import { roomLineSuite } from "./StoreRoomLines.js"
import { roomSuite } from "./StoreRooms.js"
import { searchSuite } from "./StoreSearching.js"
import { upkeepSuite } from "./StoreUpkeep.js"

/** What every layer of the port promises. */
export const storeSuite = (name: string, open: OpenStore) => {
  describe(name, () => {
    describe("rooms", () => {
      roomSuite(open)
      roomLineSuite(open)
    })
    lineSuite(open)
    describe("reading", () => readingSuite(open))
    describe("searching", () => searchSuite(open))
    cursorSuite(open)
    accountSuite(open)
    retentionSuite(open)
    guestSuite(open)
    upkeepSuite(open)
  })
}
