// The C++ half of the probe: the standard library and an exception that crosses a frame.
#include <stdexcept>
#include <string>

extern "C" int probe_cxx(void) {
    try {
        throw std::runtime_error(std::string(2, 'x'));
    } catch (const std::exception &error) {
        return static_cast<int>(std::string(error.what()).size());
    }
}

#ifdef PROBE_CXX_PROGRAM
int main() { return probe_cxx() - 2; }
#endif
