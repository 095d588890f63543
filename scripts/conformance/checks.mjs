// All checks, in the order of the table. Imported, not run.
import { original } from "./original.mjs"
import { accounts } from "./promises/accounts.mjs"
import { acknowledgement } from "./promises/acknowledgement.mjs"
import { answers, commands } from "./promises/commands.mjs"
import { delivery } from "./promises/delivery.mjs"
import { kept } from "./promises/kept.mjs"
import { labels } from "./promises/labels.mjs"
import { leaving } from "./promises/leaving.mjs"
import { lines } from "./promises/lines.mjs"
import { login } from "./promises/login.mjs"
import { messages } from "./promises/messages.mjs"
import { past } from "./promises/past.mjs"
import { rooms } from "./promises/rooms.mjs"
import { shutdown } from "./promises/shutdown.mjs"
import { tls } from "./promises/tls.mjs"

export const checks = [
  original,
  answers,
  lines,
  login,
  messages,
  delivery,
  acknowledgement,
  leaving,
  shutdown,
  commands,
  labels,
  tls,
  accounts,
  kept,
  rooms,
  past
].flat()
