class IoctlReport: pass
def preload_library(): pass
