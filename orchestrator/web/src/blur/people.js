// SPDX-License-Identifier: Apache-2.0
//
// Who is in a picture, by MediaPipe's selfie segmentation (program and model: Apache-2.0), the model for
// pictures that are wider than high. It is spoken to below its own API, which works in pages alone, and
// here is a worker: as that one does, in the version that package.json names.
//
// The network runs on the processor: as fast everywhere. WebGL only carries pictures in and masks out.

/* global BLUR_FILES */

const PROGRAM = 'selfie_segmentation_solution_simd_wasm_bin.js';
const GRAPH = 'selfie_segmentation.binarypb';
const MODEL = 'selfie_segmentation_landscape.tflite';
const MODEL_PATH = `third_party/mediapipe/modules/selfie_segmentation/${MODEL}`; // as the graph names it
const OPTIONS = [
  { calculatorType: 'InferenceCalculator', fieldName: 'use_cpu_inference', valueBoolean: true },
  {
    calculatorType: 'ConstantSidePacketCalculator',
    calculatorName: 'ConstantSidePacketCalculatorModelSelection',
    fieldName: 'int_value',
    valueNumber: 1, // MODEL, of two
  },
];
const NO_OPTION = { calculatorName: '', calculatorIndex: 0, valueNumber: 0, valueBoolean: false, valueString: '' };

/** What the model looks at: more pixels tell it nothing. */
export const WIDTH = 256;
export const HEIGHT = 144;

const VERTICES = `#version 300 es
  out vec2 at;
  void main() { // a triangle around the whole; its textures have their first row on top
    vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1) * 2.0;
    at = vec2(corner.x, 1.0 - corner.y);
    gl_Position = vec4(corner * 2.0 - 1.0, 0, 1);
  }`;
const FRAGMENTS = `#version 300 es
  precision mediump float;
  in vec2 at;
  uniform sampler2D mask;
  out vec4 color;
  void main() { color = vec4(smoothstep(0.4, 0.8, texture(mask, at).a)); } // in doubt, nobody is there`;

async function bytesOf(name) {
  const answer = await fetch(BLUR_FILES + name);
  if (!answer.ok) {
    throw new Error(`${name}: ${answer.status}`);
  }
  return answer.arrayBuffer();
}

/** Returns draw(texture, width, height), onto the context's canvas, which becomes as large. */
function textureDrawer(gl) {
  const program = gl.createProgram();
  for (const [type, text] of [[gl.VERTEX_SHADER, VERTICES], [gl.FRAGMENT_SHADER, FRAGMENTS]]) {
    const shader = gl.createShader(type);
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  const noVertices = gl.createVertexArray(); // the shader has them
  return (texture, width, height) => {
    Object.assign(gl.canvas, { width, height });
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.viewport(0, 0, width, height);
    gl.useProgram(program);
    gl.bindVertexArray(noVertices);
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
    gl.bindTexture(gl.TEXTURE_2D, null);
    gl.bindVertexArray(null);
  };
}

/** Makes the module draw with a context of its own; returns that. */
function giveWebGl(module) {
  module.canvas = new OffscreenCanvas(1, 1);
  const handle = module.GL.createContext(module.canvas, { majorVersion: 2, alpha: true, premultipliedAlpha: true });
  if (!handle) {
    throw new Error('WebGL');
  }
  module.GL.makeContextCurrent(handle);
  return module.canvas.getContext('webgl2');
}

function setOptions(module, solution) {
  const requests = new module.GraphOptionChangeRequestList();
  OPTIONS.forEach((option) => requests.push_back({ ...NO_OPTION, ...option }));
  solution.changeOptions(requests);
  requests.delete();
}

/** onMask(texture, width, height) with each picture that was sent, before send() returns. */
function listen(module, solution, onMask) {
  const wants = new module.StringList();
  wants.push_back('segmentation_mask');
  const onResults = (results) => {
    const { glName, width, height } = results.get(0);
    onMask(module.GL.textures[glName], width, height);
  };
  solution.attachMultiListener(wants, module.PacketListener.implement({ onResults }));
  wants.delete();
}

/**
 * Resolves with a function: canvas of WIDTH by HEIGHT -> ImageBitmap, opaque where people are; whoever gets
 * it closes it. Rejects if a file does not come, or there is no WebGL.
 */
export async function loadSegmenter() {
  importScripts(BLUR_FILES + PROGRAM);
  const [module, graph, model] = await Promise.all([
    self.createMediapipeSolutionsWasm({ locateFile: (name) => BLUR_FILES + name }),
    bytesOf(GRAPH),
    bytesOf(MODEL),
  ]);
  const gl = giveWebGl(module);
  const solution = new module.SolutionWasm();
  solution.loadGraph(graph);
  solution.overrideFile(MODEL_PATH, model);
  const draw = textureDrawer(gl);
  let mask;
  listen(module, solution, (...texture) => {
    draw(...texture);
    mask = gl.canvas.transferToImageBitmap();
  });
  setOptions(module, solution);

  const texture = gl.createTexture();
  const glName = module.GL.getNewId(module.GL.textures);
  module.GL.textures[glName] = texture;
  let timestamp = 0; // has to grow, and a camera's begins anew
  return (canvas) => {
    timestamp += 1;
    mask = undefined;
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, canvas);
    gl.bindTexture(gl.TEXTURE_2D, null);
    const packets = new module.PacketDataList();
    packets.pushTexture2d({ glName, width: WIDTH, height: HEIGHT, stream: 'input_frames_gpu', timestamp });
    solution.send(packets);
    packets.delete();
    if (!mask) {
      throw new Error('no mask'); // the context was lost
    }
    return mask;
  };
}
