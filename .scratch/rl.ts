import * as Block from "../src/protocol/Block.js"
console.log(Block.replaceLeads("bob: hi\nbob: you there with a long line beyond 16\nbob: x\n","bob: ","from al: "))
console.log(Block.replaceLeads("bob: hi\ncarol: you\n","bob: ","from al: "), Block.replaceLeads("bob: hi \nbob: you\n","bob: ","f"), Block.replaceLeads("bob:  hi\nbob: you\n","bob: ","f"), Block.replaceLeads("bob: \nbob: you\n","bob: ","f"))
console.log(Block.replaceLeads("bob: h\xc3\xa9\nbob: \xc3\xa9a\n","bob: ","f: "), Block.replaceLeads("bob: h\xc2\xa0\nbob: \xc3\xa9a\n","bob: ","f: "))
const t="p1r: "+"x".repeat(32)+"\n"; const b=t.repeat(98); let n=0; for(let k=0;k<3;k++){const s=process.hrtime.bigint(); for(let i=0;i<20000;i++) n+=Block.replaceLeads(b,"p1r: ","from p1s: ")!.lines; console.log(Number(process.hrtime.bigint()-s)/20000/98,"ns/line")}
