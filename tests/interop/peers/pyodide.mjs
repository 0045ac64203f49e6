// Python on WebAssembly, as in a browser: twinax is imported there and talks by the WebSocket that it finds.
//
//     node pyodide.mjs FOLDER-OF-THE-PACKAGE PROGRAM [URL]
//
// PROGRAM is Python; it finds URL in `url`. With URL there is a WebSocket, without there is none.
import { loadPyodide } from "pyodide";
import WebSocket from "ws";

const [folder, program, url] = process.argv.slice(2);
if (url === undefined) delete globalThis.WebSocket;
else globalThis.WebSocket = WebSocket;
const python = await loadPyodide();
python.mountNodeFS("/package", folder);
python.globals.set("url", url);
try {
  await python.runPythonAsync(`import sys; sys.path.insert(0, "/package")\n${program}`);
} catch (error) {
  // Only what Python says: Node would show the line that threw, which is all of Pyodide.
  console.error(error.message);
  process.exitCode = 1;
}
