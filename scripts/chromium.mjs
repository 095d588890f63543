// Where Chromium is installed. Used by the tests as well. Imported, not run.
import { existsSync } from "node:fs"

export const chromiumPath = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) =>
  existsSync(path)
)
