import * as Effect from "effect/Effect"
import { join } from "node:path"
import * as MemoryStore from "../../src/store/MemoryStore.js"
import * as Sqlite from "../../src/store/Sqlite.js"
import { storeThread } from "../support/Bundled.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"
import { storeSuite } from "./StoreSuite.js"

storeSuite("the store in memory", MemoryStore.make)

storeSuite("the store in SQLite", (limits) =>
  Effect.gen(function* () {
    const path = join(yield* temporaryFolder, "chat.db")
    return yield* Sqlite.make({ path, limits, thread: yield* storeThread, reserveBytes: 4096 })
  })
)
