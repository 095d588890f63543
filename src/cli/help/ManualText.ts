import * as ManualOfClients from "./ManualOfClients.js"
import * as ManualOfOperators from "./ManualOfOperators.js"
import * as ManualOfReaders from "./ManualOfReaders.js"
import type { ManualPage } from "./ManualPage.js"

/** The text of the manual: a page for each command. A test runs every example. */
export const manualPages = {
  serve: ManualOfOperators.serve,
  connect: ManualOfClients.connect,
  send: ManualOfClients.send,
  ask: ManualOfClients.ask,
  listen: ManualOfClients.listen,
  exec: ManualOfClients.exec,
  history: ManualOfReaders.history,
  search: ManualOfReaders.search,
  who: ManualOfReaders.who,
  ping: ManualOfReaders.ping,
  config: ManualOfOperators.config,
  control: ManualOfOperators.control,
  store: ManualOfOperators.store,
  account: ManualOfOperators.account,
  hook: ManualOfOperators.hook,
  nodes: ManualOfOperators.nodes
} satisfies Record<string, ManualPage>

export type CommandName = keyof typeof manualPages
