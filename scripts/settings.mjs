// Writes the table of a server's settings into OPERATING.md: `npm run settings`. Run it after a change of a setting.
import { load } from "./bundle.mjs"
import { replace } from "./documents.mjs"

const { markdown } = await load("src/cli/serve/SettingsTable.ts")
replace("settings", markdown())
