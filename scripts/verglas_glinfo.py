#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What GL driver this environment gives: prints vendor, renderer and version, a line each.

usage: verglas_glinfo.py [gl|gles]

The context is made with EGL and without a window, so that it needs no display: glxinfo's window
is never mapped, which the read-back of stock virgl's software presentation answers with an X error.
"""

import ctypes
import sys

# From EGL/egl.h and eglext.h.
EGL_PLATFORM_SURFACELESS_MESA = 0x31DD
EGL_OPENGL_API, EGL_OPENGL_ES_API = 0x30A2, 0x30A0
EGL_CONTEXT_CLIENT_VERSION, EGL_NONE = 0x3098, 0x3038
# From GL/gl.h.
GL_VENDOR, GL_RENDERER, GL_VERSION = 0x1F00, 0x1F01, 0x1F02


def main():
    gles = sys.argv[1:] == ['gles']
    try:
        egl = ctypes.CDLL('libEGL.so.1')
    except OSError as error:
        return f'no EGL library: {error}'
    for name in ('eglGetPlatformDisplay', 'eglCreateContext', 'eglGetProcAddress'):
        getattr(egl, name).restype = ctypes.c_void_p
    egl.eglGetPlatformDisplay.argtypes = [ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p]
    egl.eglInitialize.argtypes = [ctypes.c_void_p] * 3
    egl.eglCreateContext.argtypes = [ctypes.c_void_p] * 4
    egl.eglMakeCurrent.argtypes = [ctypes.c_void_p] * 4

    display = egl.eglGetPlatformDisplay(EGL_PLATFORM_SURFACELESS_MESA, None, None)
    if not display or not egl.eglInitialize(display, None, None):
        return f'EGL does not start (error {egl.eglGetError():#x})'
    if not egl.eglBindAPI(EGL_OPENGL_ES_API if gles else EGL_OPENGL_API):
        return 'EGL does not offer ' + ('OpenGL ES' if gles else 'OpenGL')
    attributes = [EGL_CONTEXT_CLIENT_VERSION, 2, EGL_NONE] if gles else [EGL_NONE]
    context = egl.eglCreateContext(display, None, None,
                                   (ctypes.c_int * len(attributes))(*attributes))
    if not context or not egl.eglMakeCurrent(display, None, None, context):
        return f'no GL context (EGL error {egl.eglGetError():#x})'
    get_string = ctypes.CFUNCTYPE(ctypes.c_char_p, ctypes.c_uint)(
        egl.eglGetProcAddress(b'glGetString'))
    for name in (GL_VENDOR, GL_RENDERER, GL_VERSION):
        print((get_string(name) or b'?').decode(errors='replace'))
    egl.eglMakeCurrent(display, None, None, None)
    egl.eglTerminate(display)
    return 0


if __name__ == '__main__':
    sys.exit(main())
