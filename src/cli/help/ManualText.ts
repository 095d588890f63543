import { ask, connect, exec, listen, send } from "./ManualOfClients.js"
import { account, config, control, hook, nodes, serve, store } from "./ManualOfOperators.js"
import { history, ping, search, who } from "./ManualOfReaders.js"
import type { ManualPage } from "./ManualPage.js"

/** The text of the manual: a page for each command. A test runs every example. */
export const manualPages = {
  serve,
  connect,
  send,
  ask,
  listen,
  exec,
  history,
  search,
  who,
  ping,
  config,
  control,
  store,
  account,
  hook,
  nodes
} satisfies Record<string, ManualPage>

export type CommandName = keyof typeof manualPages
