import { describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { afterAll, beforeAll } from "vitest"
import * as Postgres from "../../src/store/Postgres.js"
import * as PostgresConnection from "../../src/store/PostgresConnection.js"
import { defaults } from "../ports/StoreFixtures.js"
import * as PostgresServer from "../support/PostgresServer.js"

/** Tests with one database server, which is there while they run. Each takes a schema of its own. */
export const withPostgres = (tests: (database: Database) => void) =>
  describe.skipIf(PostgresServer.missing !== undefined)(
    `with Postgres (${PostgresServer.missing ?? "installed"})`,
    () => {
      const scope = Effect.runSync(Scope.make())
      const database = new Database()
      beforeAll(async () => {
        const { url } = await Effect.runPromise(Scope.extend(PostgresServer.make(), scope))
        database.url = url
      })
      afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))
      tests(database)
    }
  )

class Database {
  /** Known once the tests run. */
  url = ""
  private schemas = 0

  /** A name that no other test has. */
  newSchema(): string {
    return `test${this.schemas++}`
  }

  /** Opens a store with the default limits. */
  open(schema: string, isShared?: boolean) {
    return Effect.suspend(() =>
      Postgres.make({ url: this.url, limits: defaults, driver: PostgresServer.driver, schema, isShared })
    )
  }

  /** Executes statements in a schema, on a connection of its own. */
  executing(schema: string) {
    return (...statements: ReadonlyArray<string>) =>
      Effect.promise(async () => {
        const driver = PostgresConnection.postgresDriver(PostgresServer.driver)
        const connection = new PostgresConnection.PostgresConnection(driver, this.url, schema)
        await connection.open()
        for (const statement of statements) await connection.execute(statement)
        await connection.close()
      })
  }
}
