// Packages of the built program (`npm run build` first):
//
//   npm run package -- deb [DIRECTORY]    a package for Debian and its relatives, by default beside package.json
//   npm run package -- root DIRECTORY     the installed files below a directory, which stands for `/`
//   npm run package -- man DIRECTORY      the manual pages only
//
// Everything in a package has the time SOURCE_DATE_EPOCH, or else that of the last commit, so that the same sources
// make the same package. DEBFULLNAME and DEBEMAIL name the maintainer, as in Debian's own tools. The Dockerfile beside
// this file builds an image: docker build --file scripts/packaging/Dockerfile --tag a-chat .
import { spawnSync } from "node:child_process"
import { resolve } from "node:path"
import { fileURLToPath } from "node:url"
import * as Deb from "./deb.mjs"
import * as Man from "./man.mjs"
import { install, manifest } from "./tree.mjs"

const project = fileURLToPath(new URL("../..", import.meta.url))

const timeOfCommit = () => spawnSync("git", ["log", "-1", "--format=%ct"], { cwd: project, encoding: "utf8" }).stdout

const epoch = Number(process.env.SOURCE_DATE_EPOCH ?? (timeOfCommit()?.trim() || Math.floor(Date.now() / 1000)))
const date = new Date(epoch * 1000).toISOString().slice(0, 10)

const fail = (message) => {
  console.error(`package: ${message}`)
  process.exit(2)
}

const [kind, given] = process.argv.slice(2)
const directory = given === undefined ? undefined : resolve(given)

try {
  if (kind === "deb") console.log(Deb.build(directory ?? project, epoch))
  else if (directory === undefined) fail("usage: npm run package -- deb [DIRECTORY] | root DIRECTORY | man DIRECTORY")
  else if (kind === "root") install(directory, date)
  else if (kind === "man") {
    Man.write({ date, directory, program: resolve(project, "dist/main.js"), version: manifest.version })
  } else fail(`"${kind}" is not deb, root or man`)
} catch (error) {
  fail(error.code === "ENOENT" && error.path === "dpkg-deb" ? "dpkg-deb is not installed" : error.message)
}
