// Mutants of the marks of programs, and of the bots that rely on them. Read by main.mjs, which explains the fields.
export const mutants = [
  {
    name: "a route with a mixture of forms is not split",
    file: "chat/Directory.ts",
    search: "one.suffix === suffix && one.form === form",
    replace: "one.suffix === suffix"
  },
  {
    name: "routes keep the form that a reader had when they were resolved",
    file: "chat/Names.ts",
    search: 'if (phase._tag === "Present") this.changed(name)',
    replace: ""
  },
  {
    name: "people are marked as programs",
    file: "chat/Routing.ts",
    search: 'LineForm.marksPrograms(form) && peer.words.has("auto")',
    replace: "LineForm.marksPrograms(form)"
  },
  {
    name: "marks are sent to clients that did not ask for them",
    file: "chat/Routing.ts",
    search: 'LineForm.marksPrograms(form) && peer.words.has("auto")',
    replace: 'peer.words.has("auto")'
  }
]
